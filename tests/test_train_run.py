import errno
import os
import signal
from dataclasses import replace

import pytest
import torch
from test_methods import CASES
from training import SPEC, Squares, SquareViews, same_state, tiny_method, tiny_run

from seco_lab.methods import MoCo
from seco_lab.nn.encoders import resnet18
from seco_lab.train import StepDecay, read_metrics, steps_for_minutes
from seco_lab.train import log as log_module

STEADY = ("step", "epoch", "loss", "lr", "top1_all", "loss_season")


def finish(run):
    return [log for log in run]


def steady(folder):
    metrics = read_metrics(folder)
    return {name: metrics[name] for name in STEADY}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    run = tiny_run(tmp_path_factory.mktemp("undisturbed") / "run", steps=9)
    finish(run)
    return run


def test_every_turn_is_one_step():
    run = tiny_run(steps=7)
    assert (len(run), run.step) == (7, 0)
    logs = finish(run)
    assert [log.step for log in logs] == list(range(1, 8))
    assert [log.epoch for log in logs] == [0, 0, 0, 1, 1, 1, 2]
    assert (len(run), finish(run)) == (0, [])
    values = logs[0].floats()
    assert values["lr"] == 0.03
    assert values["images_per_s"] > 0
    assert str(logs[0]).startswith("loss ")
    assert "top1_season" in str(logs[0])


def test_nothing_happens_until_somebody_iterates(tmp_path):
    run = tiny_run(tmp_path / "run")
    assert same_state(run.method, tiny_method())
    assert not run.folder.exists()


def test_seed_alone_decides(undisturbed):
    torch.manual_seed(99)
    run = tiny_run(steps=9)
    for _ in run:
        torch.rand(3)
    assert same_state(run.method, undisturbed.method)
    other = tiny_run(steps=9, seed=1)
    finish(other)
    assert not same_state(other.method, undisturbed.method)


def test_break_and_go_on(undisturbed):
    run = tiny_run(steps=9)
    for log in run:
        if log.step in (2, 5):
            break
    for log in run:
        if log.step == 5:
            break
    finish(run)
    assert same_state(run.method, undisturbed.method)


class Interrupting(Squares):
    """A person who presses stop while step 4 is being read."""

    def __getitem__(self, step):
        if step == 3 and not getattr(self, "pressed", False):
            self.pressed = True
            signal.raise_signal(signal.SIGINT)
        return super().__getitem__(step)


@pytest.mark.usefixtures("interruptible")
def test_interrupt_inside_a_step_lets_it_finish(undisturbed, tmp_path):
    run = tiny_run(tmp_path / "run", steps=9, batches=Interrupting())
    seen = []
    with pytest.raises(KeyboardInterrupt):
        seen.extend(log.step for log in run)
    assert run.step == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finish(run)
    assert same_state(run.method, undisturbed.method)
    assert steady(run.folder) == steady(undisturbed.folder)


@pytest.mark.usefixtures("interruptible")
def test_interrupt_while_saving_doubles_no_row(undisturbed, tmp_path, monkeypatch):
    run = tiny_run(tmp_path / "run", steps=9)
    run._look_every = 10  # as on a GPU, where rows wait for each other
    next(run), next(run)
    monkeypatch.setattr(os, "fsync", lambda handle: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        run.save()
    monkeypatch.undo()
    finish(run)
    assert steady(run.folder) == steady(undisturbed.folder)


def test_adamw_is_a_word_and_resumes_to_the_bit(undisturbed, tmp_path):
    whole = tiny_run(steps=6, optimizer="adamw", lr=0.002)
    finish(whole)
    assert not same_state(whole.method, undisturbed.method)
    first = tiny_run(tmp_path / "run", steps=6, optimizer="adamw", lr=0.002)
    for log in first:
        if log.step == 3:
            first.save()
            break
    second = tiny_run(tmp_path / "run", steps=6, optimizer="adamw", lr=0.002)
    assert second.resume()
    finish(second)
    assert same_state(second.method, whole.method)
    with pytest.raises(ValueError, match="optimizer must be one of sgd, adamw, got 'lars'"):
        tiny_run(optimizer="lars")


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_resume_is_exact_to_the_bit(undisturbed, tmp_path, stop):
    first = tiny_run(tmp_path / "run", steps=9)
    for log in first:
        if log.step == stop:
            first.save()
        if log.step == stop + 1:  # one step that the checkpoint does not know
            break
    torch.manual_seed(3)
    second = tiny_run(tmp_path / "run", method=tiny_method(seed=5), steps=9, watch_every_steps=3)
    second.method.seed = 0
    assert second.resume() is True
    assert second.step == stop
    finish(second)
    assert same_state(second.method, undisturbed.method)
    assert steady(second.folder) == steady(undisturbed.folder)


def test_resume_of_a_complete_run_has_nothing_to_do(undisturbed):
    run = tiny_run(undisturbed.folder, steps=9)
    assert run.resume()
    assert finish(run) == []


def test_resume_without_a_checkpoint_starts_from_the_first_step(tmp_path):
    run = tiny_run(tmp_path / "run")
    assert run.resume() is False
    assert next(run).step == 1


def test_rows_of_a_run_that_was_never_saved_do_not_stay(tmp_path):
    lost = tiny_run(tmp_path / "run", steps=9)
    next(lost), next(lost)
    again = tiny_run(tmp_path / "run", steps=9)
    finish(again)
    assert read_metrics(again.folder)["step"] == list(range(1, 10))


def test_folder_of_another_run_is_not_overwritten(undisturbed):
    with pytest.raises(FileExistsError, match="already holds a run; resume it, or choose another folder"):
        next(tiny_run(undisturbed.folder))


def test_folder_in_which_another_process_works_is_left_alone(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    folder = tmp_path / "run"
    folder.mkdir()
    other = os.open(folder, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    run = tiny_run(folder, steps=2)
    for work in (run.save, lambda: next(run)):
        with pytest.raises(FileExistsError, match=r"another process works in .*run: wait for its end"):
            work()
    assert os.listdir(folder) == []
    os.close(other)
    # The cell of a notebook that is run anew, then the end: the folder is free again.
    next(run)
    again = tiny_run(folder, steps=2)
    finish(again)
    other = os.open(folder, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(FileExistsError, match="another process works"):
        tiny_run(folder, steps=2).resume()
    os.close(other)


def test_folder_stays_where_it_was_when_the_working_folder_changes(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run = tiny_run("run", steps=2)
    next(run)
    monkeypatch.chdir(tmp_path / "there")
    finish(run)
    assert sorted(os.listdir(tmp_path / "here" / "run")) == ["checkpoint.pt", "metrics.csv"]
    assert os.listdir(tmp_path / "there") == []


class TwoViewsMore(SquareViews):
    names = (*SquareViews.names, "more", "still more")


class OtherSeed(Squares):
    seed = 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lr": 0.1}, r"config\.lr: 0\.03 -> 0\.1"),
        ({"steps": 12}, r"config\.steps: 9 -> 12"),
        ({"schedule": StepDecay()}, r"config\.schedule\.name: 'StepCosine' -> 'StepDecay'"),
        ({"spec": replace(SPEC, high=(1e4,) * 3)}, r"spec\.high"),
        ({"method": CASES["seco, keys together"]()}, r"method\.keys_together: False -> True"),
        ({"method": tiny_method(seed=1)}, r"method\.seed: 0 -> 1"),
        ({"views": TwoViewsMore()}, r"views\.name: 'SquareViews' -> 'TwoViewsMore'"),
        ({"batches": OtherSeed()}, r"data\.seed: None -> 3"),
    ],
)
def test_checkpoint_of_another_configuration_names_the_fields(undisturbed, change, words):
    run = tiny_run(undisturbed.folder, **{"steps": 9, **change})
    with pytest.raises(ValueError, match=words):
        run.resume()


def test_named_fields_may_change(undisturbed):
    longer = tiny_run(undisturbed.folder, steps=12)
    assert longer.resume(accept=["config.steps"])
    assert len(longer) == 3


def test_damaged_checkpoint_is_one_sentence(undisturbed, tmp_path):
    whole = (undisturbed.folder / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"checkpoint\.pt is not a whole checkpoint"):
        tiny_run(tmp_path, steps=9).resume()


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


# Nothing can be written, or what was written cannot be kept, as on network disks with a quota.
@pytest.mark.parametrize("fails", ["write", "fsync"])
def test_full_disk_lets_the_run_go_on_in_memory(undisturbed, tmp_path, monkeypatch, fails):
    run = tiny_run(tmp_path / "run", steps=9, save_every_minutes=1e-9)
    for step in range(1, 10):
        if step not in (1, 5, 9):
            next(run)
            continue
        monkeypatch.setattr(*((os, "fsync") if fails == "fsync" else (log_module, "_write_all")), full)
        with pytest.raises(OSError, match="No space left on device"):
            next(run)
        monkeypatch.undo()
    finish(run)
    assert sorted(os.listdir(run.folder)) == ["checkpoint.pt", "metrics.csv"]
    assert same_state(run.method, undisturbed.method)
    assert steady(run.folder) == steady(undisturbed.folder)
    again = tiny_run(run.folder, steps=9)
    assert again.resume()
    assert again.step == 9


def test_run_that_was_saved_before_its_first_step_begins(undisturbed, tmp_path):
    run = tiny_run(tmp_path / "run", steps=9)
    run.save()
    again = tiny_run(run.folder, steps=9)
    assert again.resume()
    assert again.step == 0
    finish(again)
    assert same_state(again.method, undisturbed.method)
    assert steady(run.folder) == steady(undisturbed.folder)
    with pytest.raises(FileExistsError, match="already holds a run"):
        tiny_run(run.folder, steps=9).save()


class RunningOut(Squares):
    """Batches of one's own that wrap an iterator."""

    def __getitem__(self, step):
        return super().__getitem__(step) if step < 2 else next(iter(()))


def test_batches_that_run_out_do_not_look_like_the_end():
    run = tiny_run(batches=RunningOut())
    with pytest.raises(RuntimeError, match="batches or views ran out in step 3;"):
        finish(run)


def test_run_without_a_folder_cannot_be_saved():
    with pytest.raises(ValueError, match="give PretrainingRun a folder"):
        tiny_run().save()


def test_measuring_leaves_no_trace(undisturbed, tmp_path):
    run = tiny_run(tmp_path / "run", steps=9)
    estimate = run.estimate()
    assert same_state(run.method, tiny_method())
    next(run), next(run), next(run)
    run.estimate()
    finish(run)
    assert same_state(run.method, undisturbed.method)
    assert steady(run.folder) == steady(undisturbed.folder)
    assert estimate.seconds_per_epoch == pytest.approx(3 * estimate.seconds_per_step)
    assert estimate.memory_bytes > 10**7
    assert "9 steps of 4 patches on cpu (float32)" in str(estimate)


def test_minutes_become_steps(monkeypatch):
    run = tiny_run()
    seconds = run.estimate().seconds_per_step
    assert 0.2 < steps_for_minutes(run, 1) * seconds / 60 < 5
    assert steps_for_minutes(run, 1e-9) == 1
    with pytest.raises(ValueError, match="minutes must be positive, got 0"):
        steps_for_minutes(run, 0)


def test_bf16_and_channels_last_change_speed_not_sense():
    exact = finish(tiny_run(steps=3, channels_last=False))
    fast = finish(tiny_run(steps=3, precision="bf16"))
    assert fast[0].loss.dtype == torch.float32
    # Later steps tell nothing: BatchNorm over four values makes the last digits grow.
    assert fast[0].loss.item() == pytest.approx(exact[0].loss.item(), rel=0.2)


def test_learning_rate_reaches_the_optimizer():
    run = tiny_run(steps=10, schedule=StepDecay())
    rates = [(log.lr, run._optimizer.param_groups[0]["lr"]) for log in run]
    assert all(a == b for a, b in rates)
    assert rates[-1][0] == pytest.approx(0.0003)


class OtherBands(Squares):
    bands = ("B02", "B03", "B04")


class LargeBatch(Squares):
    batch_size = 5


class OtherContract(SquareViews):
    spec = replace(SPEC, mean=(0.4,) * 3)


class TwoViews(SquareViews):
    names = ("query", "key")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batches": OtherBands()}, "bands B04, B03, B02, the batches give B02, B03, B04"),
        ({"batches": LargeBatch()}, "queue size 16 must be a multiple of the batch size 5"),
        ({"views": TwoViews()}, "SeCo compares the views query, key0, key1, key2, TwoViews makes query, key"),
        ({"views": OtherContract()}, r"another input contract than the run: mean: \(0\.4"),
        ({"method": MoCo(resnet18(5, width=4))}, "MoCo compares|takes 5 bands, the input contract names 3"),
    ],
)
def test_parts_that_do_not_fit_are_named_at_once(change, words):
    with pytest.raises(ValueError, match=words):
        tiny_run(**change)


def test_metrics_have_one_row_a_step_and_measures_now_and_then(tmp_path):
    run = tiny_run(tmp_path / "run", steps=5, watch_every_steps=2)
    finish(run)
    metrics = read_metrics(run.folder)
    assert metrics["step"] == [1, 2, 3, 4, 5]
    assert [value == value for value in metrics["spread"]] == [False, True, False, True, False]
    with pytest.raises(FileNotFoundError, match="no metrics at"):
        read_metrics(tmp_path)
