"""What maps with a panel of controls share: a still picture in the output, failures told under the panel."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from seco_lab.viz.maps import MapBackend

if TYPE_CHECKING:
    import ipywidgets


class MapPanel:
    """A map beside its controls; a subclass draws on ``backend`` and says by ``png`` how it looks.

    Attributes:
        backend: The map.
        widget: Map and controls, for display.
        problems: HTML with what is wrong, the last of the controls.
    """

    def __init__(self, backend: MapBackend, controls: Iterable[ipywidgets.Widget], *, width_px: int) -> None:
        """Put a map and its controls side by side.

        Args:
            backend: The map.
            controls: From top to bottom.
            width_px: Of the controls.
        """
        import ipywidgets

        self.backend = backend
        self.problems = ipywidgets.HTML()
        column = ipywidgets.Layout(width=f"{width_px}px", flex="0 0 auto")
        side = ipywidgets.VBox([*controls, self.problems], layout=column)
        self.widget = ipywidgets.HBox([backend.widget, side])

    def png(self) -> bytes:
        """What is shown, as a PNG picture."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return with_still(self.widget._repr_mimebundle_(**options), self.png())

    def _guarded(self, action: Callable[[], Any]) -> None:
        """Do what a control asks for; exceptions in callbacks reach nobody, so every kind is shown."""
        self._tell()  # first, because what is done may set off a further control that fails
        try:
            action()
        except Exception as error:
            self._tell(f"{type(error).__name__}: {error}")

    def _standing_problems(self) -> Sequence[str]:
        """What is wrong with the data, told before anything else."""
        return ()

    def _tell(self, *more: str) -> None:
        lines = "".join(f"<li>{escape(text)}</li>" for text in (*self._standing_problems(), *more))
        self.problems.value = f"<ul style='color:#7a3b00;line-height:1.4'>{lines}</ul>" if lines else ""


def with_still(bundle: Any, png: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a widget displays, and a picture for where no kernel or widget library runs.

    Reopened notebooks, code hosts and exports show the picture.

    Args:
        bundle: What the widget's ``_repr_mimebundle_`` gave: data alone, or data and metadata.
        png: The picture.
    """
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    return {**data, "image/png": base64.b64encode(png).decode()}, metadata
