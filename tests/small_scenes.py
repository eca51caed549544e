"""Small scenes with bright rectangles, their boxes and masks, as cubes."""

import numpy as np
from scene_files import picture

from seco_lab.cube import make_cube
from seco_lab.data import input_spec_for
from seco_lab.sensors import RGB8


def _scene(name, pixels, number, **labels):
    return make_cube(
        pixels[None, None], patch=[name], time=np.array([["NaT"]], "datetime64[ns]"), lon=[2.0 + number],
        lat=[48.0], sensor=RGB8, bands=RGB8.band_names, pixel_size_m=0.5, unit="uint8", **labels,
    )  # fmt: skip


def rectangles(number, side_px, count):
    """Boxes that do not overlap: one in each of some quarters of the picture."""
    chance = np.random.default_rng(number)
    half, boxes = side_px // 2, []
    for quarter in range(count):
        row, column = divmod(quarter, 2)
        width, height = chance.integers(10, half - 8, 2)
        left = column * half + chance.integers(2, half - width)
        top = row * half + chance.integers(2, half - height)
        boxes.append((left, top, left + width, top + height))
    return boxes


def box_scenes(count=6, *, side_px=64, objects=2, empty=()):
    """Scenes with boxes of one class, by name."""
    scenes = {}
    for number in range(count):
        boxes = [] if number in empty else rectangles(number, side_px, objects)
        table = np.array([(0, *box) for box in boxes], np.float32).reshape(1, -1, 5)
        pixels = picture(side_px, side_px, boxes, seed=number)
        scenes[f"s{number}"] = _scene(f"s{number}", pixels, number, boxes=table)
    return scenes


def mask_scenes(count=6, *, side_px=64, objects=2, empty=()):
    """Scenes with a mask of two classes, by name."""
    scenes = {}
    for number in range(count):
        boxes = [] if number in empty else rectangles(number, side_px, objects)
        mask = np.zeros((1, side_px, side_px), np.uint8)
        for left, top, right, bottom in boxes:
            mask[0, top:bottom, left:right] = 1
        pixels = picture(side_px, side_px, boxes, seed=number)
        scenes[f"s{number}"] = _scene(f"s{number}", pixels, number, mask=mask)
    return scenes


def spec_of(scenes, size_px=64):
    """The contract measured on the first scene."""
    return input_spec_for(next(iter(scenes.values())), bands="rgb", size_px=size_px)
