import pytest

from seco_lab.places import City, find_places, nearest_names


@pytest.mark.parametrize(
    "text",
    [
        "52.5, 13.4",
        "52.5 13.4",
        " 52.5;13.4 ",
        "13.4E 52.5N",
        "52.5N, 13.4E",
        "n52.5 e13.4",
        "E13.4N52.5",
        "52.5N13.4E",
        "52.5° N, 13.4° E",
        "52°30'N 13°24'E",
        "52° 30′ 0″ N, 13° 24′ 0.0″ E",
        "52,5 13,4",
        "52,5N 13,4E",
    ],
)
def test_coordinates_in_the_usual_forms(text):
    (place,) = find_places(text)
    assert (place.lon, place.lat) == pytest.approx((13.4, 52.5))


def test_south_and_west_are_negative():
    for text in ("33.9S 18.4W", "-33.9, -18.4", "\N{MINUS SIGN}33.9, \N{MINUS SIGN}18.4", "18.4W 33.9S"):
        (place,) = find_places(text)
        assert (place.lon, place.lat) == pytest.approx((-18.4, -33.9))


def test_a_first_number_beyond_90_is_a_longitude():
    (place,) = find_places("134.25, -15.6")
    assert (place.lon, place.lat) == (134.25, -15.6)


@pytest.mark.parametrize("text", ["95N 13E", "120, 130", "52.5N 13.4N", "52.5N 13.4"])
def test_impossible_coordinates(text):
    with pytest.raises(ValueError, match=r"latitude|coordinates need"):
        find_places(text)


def test_a_city_by_name_capitals_and_accents_aside():
    (city, *_) = find_places("berlin")
    assert isinstance(city, City)
    assert (city.name, city.country) == ("Berlin", "Germany")
    assert (city.lon, city.lat) == pytest.approx((13.4, 52.5), abs=0.1)
    assert find_places("são paulo")[0] == find_places("Sao  Paulo")[0]


def test_namesakes_come_by_population_and_country_chooses():
    found = find_places("London", limit=20)
    people = [city.population for city in found if city.name == "London"]
    assert len(people) > 1
    assert people == sorted(people, reverse=True)
    assert find_places("London, Canada")[0].country == "Canada"


def test_a_beginning_is_enough():
    names = [city.name for city in find_places("Hambu")]
    assert names[0] == "Hamburg"


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(LookupError, match="Berlin"):
        find_places("Berlni")
    assert "Johannesburg" in [city.name for city in nearest_names("Johanesburg")]
    with pytest.raises(LookupError, match="no name is near it"):
        find_places("qqqqzzzzxxxx")


def test_nothing_typed():
    with pytest.raises(ValueError, match="type a city"):
        find_places("  ")
