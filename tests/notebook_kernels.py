"""Kernels for notebooks, forked from a process that has done the imports, which cost more than most lessons.

A kernel starts with an empty namespace all the same, and imports ``seco_lab`` itself.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from forks import Children, serve
from jupyter_client.manager import AsyncKernelManager


class ForkedKernel(AsyncKernelManager):
    """A kernel for nbclient that runs already, with this process's environment, in a folder."""

    has_kernel = True

    def __init__(self, kernels: Children, folder: Path):
        super().__init__()
        self.write_connection_file()
        self._kernels = kernels
        self._pid = kernels.start(self.connection_file, dict(os.environ), str(folder))

    def close(self) -> None:
        """Ends it, so that the next may start."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self._kernels.end()
        self.cleanup_connection_file()

    # The client of a manager asks for these, nbclient for their public names.

    async def _async_is_alive(self) -> bool:
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True

    async def _async_interrupt_kernel(self) -> None:
        os.kill(self._pid, signal.SIGINT)

    async def _async_shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        """Left to ``close``."""

    is_alive, interrupt_kernel = _async_is_alive, _async_interrupt_kernel
    shutdown_kernel = _async_shutdown_kernel


def _import_what_most_need() -> None:
    # Both are read at import: the backend, which is a kernel's, and the threads, of which a fork has but one.
    os.environ |= {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "OMP_NUM_THREADS": "1"}
    import geopandas  # noqa: F401
    import ipykernel.kernelapp  # noqa: F401
    import leafmap  # noqa: F401
    import rasterio  # noqa: F401
    import scipy.optimize  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import torch._dynamo  # noqa: F401  (the first optimizer of a process imports it)
    import xarray  # noqa: F401
    import zarr  # noqa: F401


def _run_kernel(connection_file: str, environment: dict[str, str], folder: str) -> None:
    from ipykernel.kernelapp import IPKernelApp

    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # the first is the way in which jobs are answered
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = ""
    IPKernelApp.launch_instance(argv=["-f", connection_file, "--HistoryManager.hist_file=:memory:"])


if __name__ == "__main__":
    _import_what_most_need()
    serve(_run_kernel)
