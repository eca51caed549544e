import dataclasses
from itertools import pairwise

import pytest

from seco_lab.train import EpochCosine, StepCosine, StepDecay, TrainConfig


def factors(schedule, steps, per_epoch):
    return [schedule.factor(step, steps=steps, steps_per_epoch=per_epoch) for step in range(steps)]


def test_papers_steps_at_epochs_120_and_160_of_200():
    epochs = factors(StepDecay(), 200 * 3, 3)[::3]
    assert epochs[119] == 1
    assert epochs[120] == pytest.approx(0.1)
    assert epochs[159] == pytest.approx(0.1)
    assert epochs[160] == pytest.approx(0.01)
    assert factors(StepDecay(), 200 * 3, 3)[359:361] == pytest.approx([1, 0.1])


def test_milestones_do_not_slip_by_rounding():
    for epochs in range(5, 400, 5):
        first = factors(StepDecay(), epochs, 1).index(pytest.approx(0.1))
        assert first == epochs * 3 // 5


def test_papers_cosine_moves_once_an_epoch():
    values = factors(EpochCosine(), 200 * 4, 4)
    assert values[0] == values[3] == 1
    assert values[400] == pytest.approx(0.5)
    assert values[-1] == values[-4] == pytest.approx(6.17e-5, rel=1e-3)


def test_cosine_by_step_with_warmup():
    values = factors(StepCosine(warmup_steps=3), 11, 4)
    assert values[:4] == pytest.approx([0.25, 0.5, 0.75, 1])
    assert values[7] == pytest.approx(0.5)
    assert all(a > b for a, b in pairwise(values[3:]))
    assert factors(StepCosine(), 2, 4) == pytest.approx([1, 0.5])


@pytest.mark.parametrize("schedule", [StepDecay(), EpochCosine(), StepCosine(7), StepDecay((0.5,), 0.2)])
def test_configuration_survives_plain_values(schedule):
    config = TrainConfig(epochs=3, lr=0.1, schedule=schedule, compile=True)
    assert TrainConfig.from_dict(config.to_dict()) == config


def test_unknown_fields_and_schedules_are_named():
    values = TrainConfig().to_dict()
    with pytest.raises(ValueError, match="no field learning_rate"):
        TrainConfig.from_dict({**values, "learning_rate": 1})
    with pytest.raises(LookupError, match="'Linear'; known are StepDecay, EpochCosine, StepCosine"):
        TrainConfig.from_dict({**values, "schedule": {"name": "Linear"}})


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("epochs", 0, "epochs must be 1 or more, got 0"),
        ("steps", -1, "steps must be 1 or more, got -1"),
        ("lr", 0.0, "lr must be positive, got 0.0"),
        ("precision", "fp8", "got 'fp8'"),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(field, value, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(TrainConfig(), **{field: value})


def test_length_of_a_run():
    assert TrainConfig(epochs=3).total_steps(7) == 21
    assert TrainConfig(epochs=3, steps=5).total_steps(7) == 5
