"""A GPU for machines that have none: tensors compute on the CPU, but are held to the rules of a GPU.

What only a GPU would show is found here: tensors of two devices in one operation, numbers read in the middle
of a step (which makes the CPU wait for all work given so far), operations that CUDA lacks for unsigned 16-bit
numbers, and what PyTorch 2.6 lacks on the GPU of an Apple computer.
"""

import torch
from torch.overrides import TorchFunctionMode

DEVICE = torch.device("cuda", 0)
APPLE = torch.device("mps", 0)
_ACROSS = {
    "copy_",
    "to",
    "_has_compatible_shallow_copy_type",
    "__getitem__",
    "__setitem__",
    "data.__set__",
    "grad.__set__",
    "load_state_dict",
}
_READING = {
    "item",
    "tolist",
    "__int__",
    "__float__",
    "__bool__",
    "__index__",
    "nonzero",
    "unique",
    "masked_select",
}
_NOT_FOR_UINT16 = {
    "index_select",
    "gather",
    "where",
    "eq",
    "ne",
    "lt",
    "gt",
    "__eq__",
    "__ne__",
    "__lt__",
    "__gt__",
}
# Of unsigned 16 bits, Apple's knows nothing before PyTorch 2.9, of double precision never.
_NOT_ON_APPLE = {torch.uint16, torch.float64}
# Missing before PyTorch 2.10, or done by the CPU with a warning.
_LACKING_ON_APPLE = {"index_copy_", "index_copy", "linalg_svdvals", "linalg_svd", "embedding_bag"}
_FACTORIES = {
    "empty",
    "zeros",
    "ones",
    "full",
    "arange",
    "eye",
    "rand",
    "randn",
    "randperm",
    "randint",
    "tensor",
}


def on_gpu(value):
    return isinstance(value, torch.Tensor) and getattr(value, "_on_gpu", False)


def mark(value, there=True):
    """Say of all tensors in a result where they lie."""
    if isinstance(value, torch.Tensor):
        value._on_gpu = there
    elif isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        for part in value:
            mark(part, there)
    return value


def tensors_in(values):
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from tensors_in(value)
        elif isinstance(value, dict):
            yield from tensors_in(value.values())


def is_device(value):
    return isinstance(value, torch.device) or (
        isinstance(value, str) and value.startswith(("cuda", "cpu", "mps"))
    )


def name_of(func):
    owner = getattr(func, "__self__", None)
    inside = type(func).__name__ == "method-wrapper"
    return f"{owner.__name__}.{func.__name__}" if inside else getattr(func, "__name__", str(func))


class PretendGpu(TorchFunctionMode):
    """While it is entered, ``torch.device("cuda", 0)``, or Apple's, is a device.

    Attributes:
        waits: Names of the operations that made the CPU wait.
    """

    def __init__(self, device=DEVICE):
        super().__init__()
        self.waits, self._device = [], device

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), name_of(func)
        if name == "device.__get__":
            return self._device if on_gpu(args[0]) else func(*args)
        kwargs.pop("pin_memory", None)
        if name == "to" or name in ("cpu", "cuda"):
            return self._moved(func, name, args, kwargs)
        if name in _FACTORIES:
            return self._made(func, name, args, kwargs)
        given = list(tensors_in([*args, kwargs]))
        there = any(on_gpu(tensor) for tensor in given)
        if there:
            self._check(name, given, args)
        into_cpu = name == "copy_" and not on_gpu(args[0])
        result = func(*args, **kwargs)
        if into_cpu:
            return result
        if name == "data.__set__":
            mark(args[0], on_gpu(args[1]))
        return self._arrived(mark(result)) if there else result

    def _arrived(self, result):
        """What an operation gave, if the device knows numbers of that kind."""
        for tensor in tensors_in([result]):
            if self._device.type == "mps" and on_gpu(tensor) and tensor.dtype in _NOT_ON_APPLE:
                raise TypeError(f"Trying to convert {tensor.dtype} to the MPS backend, which lacks it")
        return result

    def _check_apple(self, name, given):
        if name in _LACKING_ON_APPLE:
            raise NotImplementedError(f"The operator {name!r} is not implemented for the MPS device")
        # Backward refuses it, up to PyTorch 2.13.
        if name == "batch_norm" and not given[0].is_contiguous():
            raise RuntimeError("view size is not compatible with input tensor's size and stride")

    def _check(self, name, given, args):
        if self._device.type == "mps":
            self._check_apple(name, given)
        elsewhere = [tensor for tensor in given if not on_gpu(tensor) and tensor.ndim]
        if elsewhere and name not in _ACROSS:
            raise RuntimeError(f"{name}: expected all tensors on one device, got cuda:0 and cpu")
        if name == "numpy":
            raise TypeError("can't convert a cuda tensor to numpy")
        by_tensor = name == "__getitem__" and bool(list(tensors_in([args[1]])))
        if given[0].dtype == torch.uint16 and on_gpu(given[0]) and (by_tensor or name in _NOT_FOR_UINT16):
            raise NotImplementedError(f'"{name}" not implemented for UInt16')
        masked = name in ("__getitem__", "__setitem__") and any(
            t.dtype == torch.bool or not on_gpu(t) for t in tensors_in([args[1]])
        )
        if name in _READING or masked or (name == "copy_" and elsewhere):
            self.waits.append(name)

    def _moved(self, func, name, args, kwargs):
        """``to``: a copy where the device changes, in which case nobody should wait."""
        wanted = [value for value in (*args[1:], *kwargs.values()) if is_device(value)]
        others = [on_gpu(value) for value in args[1:] if isinstance(value, torch.Tensor)]
        was, will = on_gpu(args[0]), on_gpu(args[0])
        if wanted or others or name != "to":
            will = (
                torch.device(wanted[0]).type == self._device.type
                if wanted
                else (others or [name == "cuda"])[0]
            )
        args = [torch.device("cpu") if is_device(value) else value for value in args]
        kwargs = {key: torch.device("cpu") if is_device(value) else value for key, value in kwargs.items()}
        result = func(*args, **kwargs)
        if was == will:
            return self._arrived(mark(result, will)) if will else result
        if was or not (kwargs.get("non_blocking") or True in args[1:]):
            self.waits.append(f"{name} {'cuda' if will else 'cpu'}")
        return self._arrived(mark(result.clone() if result is args[0] else result, will))

    def _made(self, func, name, args, kwargs):
        device = kwargs.pop("device", None)
        there = device is not None and torch.device(device).type == self._device.type
        if there and kwargs.get("generator") is not None:
            raise RuntimeError(f"{name}: expected a cuda generator, found a cpu one")
        if there and name == "tensor":
            self.waits.append("tensor")
        return self._arrived(mark(func(*args, **kwargs), there))
