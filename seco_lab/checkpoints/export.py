"""An encoder for other programs: torchvision's names, safetensors, ONNX; each read back and compared."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from seco_lab.batch import generator_for
from seco_lab.checkpoints.files import full_disk_told
from seco_lab.checkpoints.weights import read_weights, save_encoder, sidecar
from seco_lab.input_spec import InputSpec
from seco_lab.nn.encoders import ResNet
from seco_lab.whole import whole_file

EXPORT_FORMATS = {"seco_lab": ".pt", "torchvision": ".pth", "safetensors": ".safetensors", "onnx": ".onnx"}
_ONNX_OPSET = 17
_TOLERANCE = 1e-4


def export_weights(
    encoder: ResNet, spec: InputSpec, out: str | Path, *, format: str | None = None
) -> tuple[Path, float | None]:
    """Write an encoder with its contract, read it back, and compare both on a random image.

    "seco_lab", "safetensors" and "onnx" hold the contract inside; "torchvision", a bare state dict, has it
    in ``<out>.json`` beside it. An ONNX file takes ``images``, standardised, (B, C, H, W) of any size, and
    gives ``features``, (B, D).

    Args:
        encoder: The encoder, in eval mode.
        spec: Its input contract.
        out: Target; replaced only once what was written has been read back.
        format: A key of ``EXPORT_FORMATS``; by default what the ending of ``out`` says.

    Returns:
        The file, and the largest difference of a feature relative to the largest feature; None where an ONNX
        file could not be run because onnxruntime is not installed.

    Raises:
        ValueError: Unknown format.
        ImportError: ONNX is asked for and the onnx package is missing.
        RuntimeError: What was read back gives other features.
        OSError: The disk is full; nothing is left of the attempt.
    """
    out = Path(out)
    write, run = _FORMATS[_format_of(out, format)]
    with full_disk_told(out), whole_file(out) as partial:
        try:
            write(encoder, spec, partial)
            difference = _compare(encoder, spec, run, partial)
            if sidecar(partial).exists():
                sidecar(partial).replace(sidecar(out))
        finally:
            sidecar(partial).unlink(missing_ok=True)
    return out, difference


def _format_of(out: Path, wanted: str | None) -> str:
    endings = {ending: name for name, ending in EXPORT_FORMATS.items()}
    found = wanted or endings.get(out.suffix)
    if found not in EXPORT_FORMATS:
        raise ValueError(
            f"export to {wanted or out}: known are the formats {', '.join(EXPORT_FORMATS)}, "
            f"or the endings {', '.join(endings)}"
        )
    return found


def _about(encoder: ResNet, spec: InputSpec) -> dict[str, str]:
    return {"encoder": json.dumps(encoder.settings()), "input_spec": json.dumps(spec.to_dict())}


def _plain_state(encoder: ResNet) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in encoder.state_dict().items()}


def _write_own(encoder: ResNet, spec: InputSpec, path: Path) -> None:
    save_encoder(path, encoder, spec)


def _write_torchvision(encoder: ResNet, spec: InputSpec, path: Path) -> None:
    torch.save(_plain_state(encoder), path)
    about = {"encoder": encoder.settings(), "input_spec": spec.to_dict()}
    sidecar(path).write_text(json.dumps(about, indent=1))


def _write_safetensors(encoder: ResNet, spec: InputSpec, path: Path) -> None:
    from safetensors.torch import save_file

    save_file(_plain_state(encoder), path, metadata=_about(encoder, spec))


def _write_onnx(encoder: ResNet, spec: InputSpec, path: Path) -> None:
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "ONNX export needs the onnx package: pip install 'seco-lab[onnx]', or export to safetensors"
        ) from error
    axes = {"images": {0: "batch", 2: "height", 3: "width"}, "features": {0: "batch"}}
    with warnings.catch_warnings():
        # The tracing exporter warns of its age and of the shape check in forward, which the axes leave open.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            encoder, (_random_image(spec, 1),), os.fspath(path), dynamo=False, opset_version=_ONNX_OPSET,
            input_names=["images"], output_names=["features"], dynamic_axes=axes,
        )  # fmt: skip
    model = onnx.load(path)
    for key, value in _about(encoder, spec).items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _random_image(spec: InputSpec, count: int) -> Tensor:
    # Another size than a multiple of 32 and another batch than traced show whether axes are really open.
    return torch.randn(count, len(spec.bands), 72, 80, generator=generator_for(0, count, "export"))


def _run_torch(path: Path, images: Tensor) -> Tensor | None:
    return read_weights(path).encoder(images)


def _run_onnx(path: Path, images: Tensor) -> Tensor | None:
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


@torch.no_grad()
def _compare(
    encoder: ResNet, spec: InputSpec, run: Callable[[Path, Tensor], Tensor | None], path: Path
) -> float | None:
    images = _random_image(spec, 2)
    wanted, got = encoder(images), run(path, images)
    if got is None:
        return None
    difference = float((wanted - got).abs().max() / wanted.abs().max().clamp(min=1e-12))
    if not difference <= _TOLERANCE:
        raise RuntimeError(
            f"what was written gives other features, by {difference:.1e} of the largest; nothing was kept"
        )
    return difference


_FORMATS: dict[str, tuple[Callable[..., None], Callable[[Path, Tensor], Tensor | None]]] = {
    "seco_lab": (_write_own, _run_torch),
    "torchvision": (_write_torchvision, _run_torch),
    "safetensors": (_write_safetensors, _run_torch),
    "onnx": (_write_onnx, _run_onnx),
}
