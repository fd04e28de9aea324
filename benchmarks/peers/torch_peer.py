"""PyTorch: eager, channels_last, or `torch.compile`.

What is in PyTorch's favour: the fused Adam, gradients of the needed parameters only, TF32 products
on GPUs that have them (JAX's default there too), and under `torch.compile` on a GPU CUDA graphs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from benchmarks.peers.serving import Trainer, serve
from benchmarks.peers.torch_networks import make_networks
from benchmarks.works import Task, Work

_DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# CUDA graphs where there are any; on a CPU the matrix products that Inductor finds to be fastest.
_MODES = {"cuda": "reduce-overhead", "cpu": "max-autotune-no-cudagraphs"}


class _GANStep:
    """The updates of a GAN as PyTorch users write them; `compiled` goes around each forward."""

    def __init__(self, work: Work, nets: dict[str, nn.Module], compiled: Callable | None) -> None:
        self._work, self._compiles = work, compiled is not None
        compiled = compiled or _as_it_is
        self._generator, self._discriminator = nets["generator"], nets["discriminator"]
        self._generator_adam, self._discriminator_adam = (_adam(work, n) for n in nets.values())
        # Inductor cannot be differentiated twice, so the pass that R1 differentiates stays eager.
        judge = _as_it_is if work.r1_weight else compiled
        self._judge_both = judge(self._discriminator_loss)
        self._judge_fake = compiled(self._generator_loss)
        self._generate = compiled(self._generator.forward)

    def _real_loss(self, real: Tensor) -> Tensor:
        loss = softplus(-(logits := self._discriminator(real))).mean()
        if self._work.r1_weight:
            (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
            loss = loss + 0.5 * self._work.r1_weight * slope.square().sum() / len(real)
        return loss

    def _discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._real_loss(real) + softplus(self._discriminator(fake)).mean()

    def _generator_loss(self, fake: Tensor) -> Tensor:
        return softplus(-self._discriminator(fake)).mean()

    def _latents(self, real: Tensor) -> Tensor:
        return torch.randn(len(real), self._work.latent_dim, device=real.device)

    def _discriminator_gradients(self, real: Tensor, fake: Tensor) -> None:
        self._discriminator_adam.zero_grad()
        real = real.detach().requires_grad_(bool(self._work.r1_weight))
        self._judge_both(real, fake).backward()

    def _generator_gradients(self, fake: Tensor) -> Tensor:
        """The discriminator is held fixed, so that no gradients of its kernels are computed."""
        self._generator_adam.zero_grad()
        self._discriminator.requires_grad_(False)
        loss = self._judge_fake(fake)
        loss.backward()
        self._discriminator.requires_grad_(True)
        return loss.detach()

    def alternating(self, real: Tensor) -> Tensor:
        """New images for each update."""
        with torch.no_grad():
            fake = self._generate(self._latents(real))
        self._discriminator_gradients(real, fake)
        self._discriminator_adam.step()
        loss = self._generator_gradients(self._generate(self._latents(real)))
        self._generator_adam.step()
        return loss

    def simultaneous(self, real: Tensor) -> Tensor:
        """One generator forward, both gradients, then both optimisers."""
        fake = self._generate(self._latents(real))
        if self._compiles:
            # A compiled backward has all gradients or none: each loss judges the images itself.
            loss = self._generator_gradients(fake)
            self._discriminator_gradients(real, fake.detach())
        else:
            loss = self._shared_gradients(real, fake)
        self._discriminator_adam.step()
        self._generator_adam.step()
        return loss

    def _shared_gradients(self, real: Tensor, fake: Tensor) -> Tensor:
        logits = self._discriminator(fake)
        loss = softplus(-logits).mean()
        real = real.detach().requires_grad_(bool(self._work.r1_weight))
        total = self._real_loss(real) + softplus(logits).mean()
        for net, value in ((self._generator, loss), (self._discriminator, total)):
            parameters = list(net.parameters())
            gradients = torch.autograd.grad(value, parameters, retain_graph=net is self._generator)
            for parameter, gradient in zip(parameters, gradients):
                parameter.grad = gradient
        return loss.detach()

    def reuse(self, real: Tensor) -> Tensor:
        """One generator forward, judged before and after the discriminator's update."""
        fake = self._generate(self._latents(real))
        self._discriminator_gradients(real, fake.detach())
        self._discriminator_adam.step()
        loss = self._generator_gradients(fake)
        self._generator_adam.step()
        return loss


def _as_it_is(function: Callable) -> Callable:
    return function


def _adam(work: Work, net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(
        net.parameters(), work.learning_rate, (work.b1, work.b2), fused=True
    )  # fmt: skip


def _recogniser_step(work: Work, net: nn.Module, compiled: Callable | None) -> Callable:
    adam = _adam(work, net)
    wrap = compiled or _as_it_is
    loss_fn = wrap(lambda images, labels: cross_entropy(net(images), labels))

    def step(images: Tensor, labels: Tensor) -> Tensor:
        adam.zero_grad()
        loss = loss_fn(images, labels)
        loss.backward()
        adam.step()
        return loss.detach()

    return step


def build(task: Task) -> Trainer:
    """The variant's step on random images; variants are 'eager', 'channels_last', 'compile'."""
    work, variant = task.work, task.variant
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high" if _DEVICE == "cuda" else "highest")
    torch.backends.cudnn.benchmark = True
    compiled = None
    if variant == "compile":
        compiled = functools.partial(torch.compile, mode=_MODES[_DEVICE])
    layout = torch.channels_last if variant == "channels_last" else torch.contiguous_format
    nets = {name: net.to(_DEVICE) for name, net in make_networks(work).items()}
    for net in nets.values():
        net.to(memory_format=layout)
    height, width, channels = work.image_shape
    images = torch.rand(work.batch_size, channels, height, width) * 2 - 1
    images = images.to(_DEVICE, memory_format=layout)
    if work.is_gan:
        update = getattr(_GANStep(work, nets, compiled), task.update)
        batch = (images,)
    else:
        update = _recogniser_step(work, nets["recogniser"], compiled)
        labels = torch.randint(work.num_classes, (work.batch_size,), device=_DEVICE)
        batch = (images, labels)
    loss = torch.zeros(())

    def call() -> None:
        nonlocal loss
        torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(_DEVICE, torch.bfloat16, enabled=task.dtype == "bfloat16"):
            loss = update(*batch)

    return Trainer(
        call=call,
        wait=lambda: float(loss),
        units_per_call=work.batch_size,
        parameters={n: sum(p.numel() for p in net.parameters()) for n, net in nets.items()},
        details=lambda: {
            "versions": {"torch": torch.__version__},
            "device": torch.cuda.get_device_name() if _DEVICE == "cuda" else "cpu",
            "threads": torch.get_num_threads(),
            "compile_mode": _MODES[_DEVICE] if variant == "compile" else None,
        },
        device_memory=lambda: torch.cuda.max_memory_allocated() if _DEVICE == "cuda" else None,
    )


if __name__ == "__main__":
    serve(build)
