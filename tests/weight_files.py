"""Checkpoints in the official layouts, made of the toolkit's own ResNets under other names."""

import sys
from argparse import Namespace
from types import ModuleType

import torch
from parity import sequential_name

from seco_lab.nn.encoders import encoder_from_settings

CALLBACK = ("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint")
ARGUMENTS = ("pytorch_lightning.utilities.parsing", "AttributeDict")
DEFAULT = ("pytorch_lightning.utilities.argparse_utils", "_gpus_arg_default")


def network(name="resnet18", *, seed=0, bands=3, width=8):
    """A ResNet whose BatchNorm statistics and biases are not those of initialisation."""
    encoder = encoder_from_settings({"name": name, "in_channels": bands, "width": width})
    generator = torch.Generator().manual_seed(seed)
    state = encoder.state_dict()
    for key, value in state.items():
        if value.is_floating_point():
            low = 0.5 if value.ndim == 1 and not key.endswith(("bias", "mean")) else -0.1
            value.copy_(torch.rand(value.shape, generator=generator) * 0.2 + low)
        else:
            value.fill_(40)
    encoder.load_state_dict(state)
    return encoder.eval()


def renamed(encoder, prefix, rename=lambda name: name):
    return {f"{prefix}{rename(name)}": value.clone() for name, value in encoder.state_dict().items()}


def heads(names, features, dim=128):
    shapes = {
        "0.weight": (features, features),
        "0.bias": (features,),
        "2.weight": (dim, features),
        "2.bias": (dim,),
    }
    return {f"{name}{layer}": torch.zeros(shape) for name in names for layer, shape in shapes.items()}


def seco_state(query, key, *, subspaces=3, negatives=64):
    """Names of the official SeCo module, in its order."""
    numbers = [f"{e}." for e in range(subspaces)]
    return {
        "queue": torch.zeros(subspaces, 128, negatives),
        "queue_ptr": torch.zeros(subspaces, 1, dtype=torch.int64),
        **renamed(query, "encoder_q.", sequential_name),
        **renamed(key, "encoder_k.", sequential_name),
        **heads([f"heads_q.{n}" for n in numbers], query.num_features),
        **heads([f"heads_k.{n}" for n in numbers], query.num_features),
    }


def gassl_state(query, key, *, negatives=64):
    """Names of the official GASSL module, in its order."""
    return {
        "module.queue": torch.zeros(128, negatives),
        "module.queue_ptr": torch.zeros(1, dtype=torch.int64),
        **renamed(query, "module.encoder_q."),
        **heads(["module.encoder_q.fc."], query.num_features),
        **renamed(key, "module.encoder_k."),
        **heads(["module.encoder_k.fc."], query.num_features),
    }


def lightning_content(state, monkeypatch, *, global_step=40):
    """What Lightning 1.1 saves, with classes of its own that are gone once ``monkeypatch`` is undone."""
    callback, default = (_class(monkeypatch, *which) for which in (CALLBACK, DEFAULT))
    arguments = _class(monkeypatch, *ARGUMENTS, base=dict)
    given = arguments(base_encoder="resnet18", tpu_cores=default, accumulate_grad_batches=1)
    given.namespace = Namespace(lr=0.03)
    return {
        "epoch": 2,
        "global_step": global_step,
        "pytorch-lightning_version": "1.1.8",
        "callbacks": {callback: {"monitor": None, "best_model_score": None}},
        "optimizer_states": [{"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": []}],
        "lr_schedulers": [],
        "state_dict": state,
        "hparams_name": "kwargs",
        "hyper_parameters": given,
    }


def _class(monkeypatch, module, name, base=object):
    made = type(name, (base,), {"__module__": module})
    parts = module.split(".")
    for i in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:i]), ModuleType(".".join(parts[:i])))
    setattr(sys.modules[module], name, made)
    return made


def save_seco(path, query, key, *, legacy=False, global_step=40, monkeypatch):
    with monkeypatch.context() as patch:
        content = lightning_content(seco_state(query, key), patch, global_step=global_step)
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    assert not any(name.startswith("pytorch_lightning") for name in sys.modules)
    return path


def save_gassl(path, query, key, *, geo=True, legacy=True):
    content = {
        "epoch": 200,
        "arch": query.name,
        "state_dict": gassl_state(query, key),
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.03}]},
    }
    if geo:
        content["geo_dict"] = {
            "module.layers.1.weight": torch.zeros(100, 128),
            "module.layers.1.bias": torch.zeros(100),
        }
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


def save_plain(path, encoder, *, classes=None, prefix=""):
    state = renamed(encoder, prefix)
    if classes:
        state |= {
            f"{prefix}fc.weight": torch.zeros(classes, encoder.num_features),
            f"{prefix}fc.bias": torch.zeros(classes),
        }
    torch.save(state, path)
    return path
