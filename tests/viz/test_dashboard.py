import signal
from types import SimpleNamespace

import numpy as np
import pytest

from seco_lab.viz.curves import panels_of, thin
from seco_lab.viz.dashboard import Stopped, TrainingDashboard, headline, view_row
from seco_lab.viz.history import History, numbers_of


def log(step, **more):
    values = {"step": step, "loss": 5.0 / step, "metrics": {"top1_z0": 0.25}, "lr": 0.1, "images_per_s": 90.0}
    return SimpleNamespace(**{**values, **more})


class Run:
    """Counts, and goes on where it stopped, as a pretraining run does."""

    step, steps = 0, 12

    def __iter__(self):
        return self

    def __next__(self):
        if self.step >= self.steps:
            raise StopIteration
        self.step += 1
        return log(self.step)


def test_history_reads_tensors_and_both_names_of_throughput():
    torch = pytest.importorskip("torch")
    values = numbers_of(log(2, loss=torch.tensor(1.5), metrics={"top1": torch.tensor(0.5)}), {"knn": 0.7})
    assert values == {"loss": 1.5, "top1": 0.5, "lr": 0.1, "images_per_s": 90.0, "knn": 0.7}
    other = SimpleNamespace(step=1, loss=1.0, metrics={}, images_per_second=7)
    assert numbers_of(other)["images_per_s"] == 7.0


def test_history_names_what_a_log_lacks():
    with pytest.raises(ValueError, match="needs step, loss and metrics, got SimpleNamespace"):
        History().add(SimpleNamespace(loss=1.0))


def test_a_resumed_run_replaces_what_it_repeats():
    history = History()
    for step in (1, 2, 3, 4, 3):
        history.add(log(step, loss=float(10 * step + len(history.column("loss")[0]))))
    steps, values = history.column("loss")
    assert steps.tolist() == [1, 2, 3]
    assert values[-1] == 34


def test_a_table_of_the_past_is_drawn_as_the_beginning():
    past = {"step": [1, 2], "epoch": [0, 0], "loss": [5.0, 4.0], "spread": [float("nan"), 0.5]}
    dashboard = TrainingDashboard(Run(), past=past)
    dashboard.update(log(3))
    steps, values = dashboard.history.column("loss")
    assert (steps.tolist(), values.tolist()) == ([1, 2, 3], [5.0, 4.0, 5.0 / 3])
    assert dashboard.history.column("spread")[0].tolist() == [2], "an empty cell is no point"
    assert "epoch" not in dashboard.history.names
    with pytest.raises(ValueError, match="needs the column step, got loss"):
        TrainingDashboard(Run(), past={"loss": [1.0]})


def test_panels_group_by_kind_and_keep_the_unknown():
    panels = panels_of(["step", "loss", "loss_z0", "top1_z0", "top1_z1", "knn", "seconds", "mine"])
    assert panels["Loss"] == ["loss", "loss_z0"]
    assert panels["Top-1: positive picked from the queue"] == ["top1_z0", "top1_z1"]
    assert panels["mine"] == ["mine"]
    assert "seconds" not in str(panels)


def test_thinning_keeps_the_mean_and_drops_gaps():
    steps = np.arange(1000.0)
    values = np.where(steps % 2 == 0, 1.0, np.nan)
    kept, means = thin(steps, values, 100)
    assert len(kept) == 100
    assert (means == 1).all()
    assert thin(np.array([1.0]), np.array([np.nan]))[0].size == 0


def test_stop_ends_the_loop_between_steps_and_the_next_goes_on():
    run = Run()
    with TrainingDashboard(run) as dashboard:
        for entry in run:
            if entry.step == 5:
                signal.raise_signal(signal.SIGINT)
            dashboard.update(entry)
    assert run.step == 5
    assert dashboard.history.last["step"] == 5
    with dashboard:
        for entry in run:
            dashboard.update(entry)
    assert run.step == 12
    assert dashboard.history.column("loss")[0].tolist() == list(range(1, 13))


def test_a_second_interrupt_does_not_wait():
    ended = []
    with TrainingDashboard(Run()):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        ended.append("unreachable")
    assert not ended


def test_the_interrupt_is_given_back_and_errors_pass():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError, match="no data"), TrainingDashboard(Run()):
        raise RuntimeError("no data")
    assert signal.getsignal(signal.SIGINT) is before


def test_without_with_a_stop_request_raises_a_quiet_interrupt():
    dashboard = TrainingDashboard(Run())
    dashboard.stop_requested = True
    with pytest.raises(Stopped, match="stopped after step 3; run the cell again") as caught:
        dashboard.update(log(3))
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value._render_traceback_() == ["stopped after step 3; run the cell again to go on"]


def test_a_stop_that_comes_when_its_cell_is_over_stops_no_later_one(monkeypatch):
    pytest.importorskip("anywidget")
    from seco_lab.viz.dashboard_widget import DashboardWidget

    cells = iter((1, 1, 2))
    dashboard = TrainingDashboard(Run(), redraw_s=0)
    dashboard.widget, shown = DashboardWidget(), []
    monkeypatch.setattr("IPython.display.display", shown.append)
    for step in range(1, 4):
        cell = next(cells)
        monkeypatch.setattr("seco_lab.viz.dashboard.cell_number", lambda cell=cell: cell)
        dashboard.update(log(step))
        dashboard.widget.stop_requested = step == 2  # the kernel was busy until the cell had ended
    assert len(shown) == 2, "each of both cells shows it"


def test_outside_notebooks_a_progress_line_tells_the_loss(capsys):
    with TrainingDashboard(Run(), redraw_s=0) as dashboard:
        for step in range(1, 13):
            dashboard.update(log(step))
    text = capsys.readouterr().err
    assert "12/12" in text
    assert "loss=0.417" in text
    assert "top1_z0=0.25" in text


def test_headline_and_view_row():
    pairs = dict(headline({"step": 3, "loss": 1.25, "top1_z0": 0.5, "images_per_s": 91.7}, 10))
    assert pairs == {"step": "3 / 10", "loss": "1.250", "top1_z0": "50 %", "images per second": "92"}
    assert view_row(np.zeros((20, 8, 8, 3), np.uint8)).shape == (8, 12 * 12, 3)
    with pytest.raises(ValueError, match="uint8"):
        view_row(np.zeros((2, 8, 8, 3)))


def test_the_widget_gets_curves_numbers_and_views():
    pytest.importorskip("anywidget")
    from seco_lab.viz.dashboard_widget import DashboardWidget

    dashboard = TrainingDashboard(Run(), redraw_s=0)
    dashboard.widget, dashboard._shown = DashboardWidget(), True
    for step in range(1, 14):
        leaks = {"season_leak_all": step / 110, "augmentation_leak_all": 0.4} if step < 12 else {}
        leaks |= {"season_leak_z0": float("nan")}
        dashboard.update(log(step), {"knn": 0.5, **leaks}, views=np.zeros((2, 8, 8, 3), np.uint8))
    titles = [panel["title"] for panel in dashboard.widget.panels]
    assert titles[:3] == ["Loss", "Top-1: positive picked from the queue", "kNN accuracy"]
    assert [panel["bars"] for panel in dashboard.widget.bars] == [
        [{"name": "all", "value": 0.1}],
        [{"name": "all", "value": 0.4}],
    ]
    assert dashboard.widget.progress == 1.0, "13 of 12 steps are no reason to fail"
    assert dashboard.widget.views.startswith("data:image/jpeg")
