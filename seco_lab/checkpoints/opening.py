"""Any file of weights as plain data: code in a file never runs, classes in it become empty shells."""

from __future__ import annotations

import errno
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import torch
from torch import Tensor

# What a file may call while it is read: these only assemble tensors and containers.
_CONTAINERS = {
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "Counter"): Counter,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "bytearray"): bytearray,
    ("builtins", "complex"): complex,
    ("torch", "Size"): torch.Size,
    ("torch", "device"): torch.device,
}
_TENSOR_MAKERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): lambda data, *rest: data,
    ("torch._tensor", "_rebuild_from_type_v2"): lambda maker, kind, args, state: maker(*args),
    ("torch.nn.parameter", "Parameter"): lambda data, *rest: data,
}
# Names that no file of weights has a reason to hold. They could not run either way; a file that tries is
# refused as a whole, so that its user learns of it.
_REFUSED_MODULES = frozenset(
    "asyncio code codeop ctypes http importlib io marshal multiprocessing nt os pickle pip posix pty runpy "
    "shutil signal socket subprocess sys tempfile threading urllib webbrowser".split()
)
_HARMLESS_BUILTINS = frozenset("bool bytes dict float int list object range slice str tuple type".split())
_BROKEN = (RuntimeError, EOFError, ValueError, LookupError, AttributeError, TypeError, struct.error, OSError)
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"


@dataclass(frozen=True)
class Opened:
    """What a file holds.

    Attributes:
        content: Tensors, plain values and containers of them, as the file nests them.
        shells: Names of the classes and functions that were replaced by empty shells, sorted.
        metadata: Text that stands beside the tensors of a safetensors file.
    """

    content: Any
    shells: tuple[str, ...] = ()
    metadata: Mapping[str, str] | None = None


class Shell:
    """Stands in for an object of an unknown class: keeps what it was given, does nothing.

    Attributes:
        held: Entries, where the object was a kind of dictionary.
        state: Its attributes, where it had any.
    """

    dump_patches = False  # asked by torch of the classes of whole modules

    def __new__(cls, *args: Any, **options: Any) -> Shell:
        """A shell, whatever the arguments."""
        shell = super().__new__(cls)
        shell.held, shell.state = {}, None
        return shell

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __call__(self, *args: Any, **options: Any) -> Shell:
        """Itself, whatever the arguments."""
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        self.held[key] = value

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def append(self, item: Any) -> None:
        """Take an item of what was a kind of list, and drop it."""

    def extend(self, items: Any) -> None:
        """Take items of what was a kind of list, and drop them."""

    add = append


class _Maker:
    """A function that a file may call, closed to changes by the file."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise pickle.UnpicklingError("the file tries to change a function while it is read")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("the file tries to change a function while it is read")


_MAKERS = {name: _Maker(function) for name, function in (_TENSOR_MAKERS | _CONTAINERS).items()}


class _Refused(pickle.UnpicklingError):
    """The file asks for something that no file of weights needs."""


def _pickle_module(shells: set[str]) -> Any:
    """What ``torch.load`` asks of a pickle module, with a closed list of what a file may name."""

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            module = {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)
            if (module, name) in _MAKERS:
                return _MAKERS[module, name]
            if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
                return getattr(torch, name)
            harmless = module == "builtins" and name in _HARMLESS_BUILTINS
            top = module.partition(".")[0]
            if top in _REFUSED_MODULES or (top == "builtins" and not harmless):
                raise _Refused(f"{module}.{name}")
            shells.add(f"{module}.{name}")
            return type(name, (Shell,), {"__module__": module})

    def load(file: IO[bytes], **options: Any) -> Any:
        return Unpickler(file, **options).load()

    return SimpleNamespace(Unpickler=Unpickler, load=load, __name__="seco_lab.checkpoints.opening")


def open_file(path: str | Path) -> Opened:
    """Content of a file that ``torch.save``, Lightning or safetensors wrote, on the CPU.

    Nothing in the file runs: a file may assemble tensors and containers, every other class or function that
    it names (Lightning's callbacks and argument dictionaries, whole modules) becomes a ``Shell``.

    Args:
        path: The file; zip files are mapped, so that queues and optimizer states stay on the disk.

    Raises:
        FileNotFoundError: No such file.
        ValueError: No file of weights, truncated, damaged, or one that asks to run something.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}; wanted is a file, or the folder of a run")
    with path.open("rb") as file:
        head = file.read(9)
    if head[8:] == b"{" and struct.unpack("<Q", head[:8])[0] < path.stat().st_size:
        return _open_safetensors(path)
    if not head.startswith((_ZIP, _PICKLE)) or tarfile.is_tarfile(path):
        raise ValueError(_no_weights(path, head))
    _check_archive(path)
    shells: set[str] = set()
    try:
        content = _load(path, _pickle_module(shells), mapped=head.startswith(_ZIP))
    except _Refused as error:
        raise ValueError(
            f"{path} asks to run {error} while it is read; weights need nothing of the kind, so it is not "
            "opened for safety: get the file from its publisher again"
        ) from error
    except (pickle.UnpicklingError, *_BROKEN) as error:
        # A file cut short by a byte is sought beyond its end, which is "invalid argument"; others are real.
        if isinstance(error, OSError) and error.errno not in (errno.EINVAL, None):
            raise
        raise ValueError(
            f"{path} is not a whole checkpoint: truncated, damaged or another format; get it again"
        ) from error
    return Opened(content, tuple(sorted(shells)))


def _load(path: Path, pickle_module: Any, *, mapped: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch looks in vain for the source code of modules that are shells
        # weights_only would refuse every class; the closed list of the pickle module lets shells through.
        return torch.load(
            path, map_location="cpu", weights_only=False, pickle_module=pickle_module, mmap=mapped or None
        )


def is_web_page(head: bytes) -> bool:
    """Whether a file that begins so is a page for a browser, as the login of a proxy is."""
    return head.lstrip().lower().startswith((b"<!doc", b"<html"))


def _no_weights(path: Path, head: bytes) -> str:
    found = "an empty file" if not head else f"a file that begins with {head[:8]!r}"
    if is_web_page(head):
        found = "a web page, perhaps saved instead of the download"
    return (
        f"{path} is not a whole checkpoint but {found}; "
        "wanted is a file of torch.save, Lightning or safetensors"
    )


def _check_archive(path: Path) -> None:
    """Refuse programs, and archives that would fill the memory: files of weights are never compressed."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if any(part.filename.endswith("/constants.pkl") for part in parts):
        raise ValueError(
            f"{path} is a TorchScript program, not weights; save the state_dict of the module instead"
        )
    held, size = sum(part.file_size for part in parts), path.stat().st_size
    if held > size:
        raise ValueError(
            f"{path} has {size} bytes and says to hold {held}: no program of weights packs them, so it is "
            "not opened for safety; get it again, or unpack and save it without compression"
        )


def _open_safetensors(path: Path) -> Opened:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            return Opened(tensors, (), file.metadata() or {})
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}; get it again") from error


def state_of(content: Any) -> dict[str, Tensor]:
    """The named tensors in what a file holds, wherever the usual programs put them.

    Args:
        content: A state dict, a checkpoint with a state dict under one of the usual names, or a whole module.

    Returns:
        Names to tensors; empty where none are found.
    """
    entries = _entries(content)
    for name in ("state_dict", "model_state_dict", "model", "method_state", "encoder_state"):
        inner = _tensors(_entries(entries.get(name)))
        if inner:
            return inner
    return _tensors(entries) or _module_state(content)


def number_in(content: Any, *names: str) -> int | None:
    """The first whole number that a checkpoint holds under one of these names."""
    for name in names:
        value = content.get(name) if isinstance(content, Mapping) else None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def _entries(content: Any) -> Mapping[Any, Any]:
    if isinstance(content, Shell):
        return content.held or _module_state(content)
    return content if isinstance(content, Mapping) else {}


def _tensors(entries: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {k: v for k, v in entries.items() if isinstance(k, str) and isinstance(v, Tensor)}


def _module_state(content: Any, prefix: str = "") -> dict[str, Tensor]:
    """Named tensors of a pickled module, from its shells."""
    if not isinstance(content, Shell) or not isinstance(content.state, Mapping):
        return {}
    found = {}
    for group in ("_parameters", "_buffers"):
        own = content.state.get(group)
        found |= {f"{prefix}{k}": v for k, v in _tensors(own if isinstance(own, Mapping) else {}).items()}
    for name, child in _entries(content.state.get("_modules")).items():
        found |= _module_state(child, f"{prefix}{name}.")
    return found
