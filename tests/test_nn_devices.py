import subprocess
import sys

import pytest
import torch

from seco_lab.nn.devices import bf16_pays, choose_device, choose_precision, keep_freed_memory

CPU = torch.device("cpu")


@pytest.mark.hardware
def test_a_missing_device_is_named():
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    assert choose_device("auto").type in ("cpu", "mps")
    with pytest.raises(ValueError, match="'cuda' is not at hand"):
        choose_device("cuda")


def test_a_gpu_beyond_the_last_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ValueError, match="device 'cuda:2' is not at hand: this machine has 2, counted from"):
        choose_device("cuda:2")


def test_precision_is_a_choice_of_three_words():
    assert choose_precision("float32", CPU) == torch.float32
    assert choose_precision("bf16", CPU) == torch.bfloat16
    with pytest.raises(ValueError, match="auto, bf16, float32, got 'fp16'"):
        choose_precision("fp16", CPU)


@pytest.mark.parametrize("supported", [True, False])
def test_auto_takes_bf16_only_where_the_processor_multiplies_it(monkeypatch, supported):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert bf16_pays(CPU) == supported
    assert choose_precision("auto", CPU) == (torch.bfloat16 if supported else torch.float32)


def test_other_processors_stay_with_float32(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert not bf16_pays(CPU)


@pytest.mark.skipif(sys.platform != "linux", reason="the switch belongs to Linux with glibc")
def test_freed_memory_is_kept():
    # In a process of its own: the switch cannot be turned back.
    code = """
import torch
from seco_lab.nn.devices import keep_freed_memory
def kept_mib():
    size = lambda: int(open('/proc/self/statm').read().split()[1]) * 4096
    before = size()
    torch.ones(32 * 2**20)
    return (size() - before) // 2**20
print(kept_mib(), keep_freed_memory(), kept_mib())
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    before, switched, after = out.split()
    if switched == "False":
        pytest.skip("no glibc")
    assert int(before) < 20
    assert int(after) > 100


def test_unknown_c_library_changes_nothing(monkeypatch):
    monkeypatch.setattr("platform.libc_ver", lambda: ("musl", ""))
    assert keep_freed_memory() is False
