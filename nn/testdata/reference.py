# Writes pytorch.safetensors: what PyTorch computes in 20 updates of each layer, loss and optimiser, in float64.
# pip install torch==2.15.0 safetensors==0.8.0; python reference.py
#
# A layer: SGD of rate 0.01 on sum(w y) for the input x (1 + t/20) in step t. Kept are the initial state, x, w, the 20 losses, and after
# the last step the state and the gradient of x.
# A loss: SGD of rate 0.5 on the loss of y. An optimiser: on sum(c p^2)/2 + sum(b p) cos(t). Kept are the values before and after, and the 20 losses.
import math
import torch
from torch import nn
from torch.nn import functional as F
from safetensors.torch import save_file

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
STEPS = 20
out = {}


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 3, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(3)
        self.conv2 = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.bn1(self.conv1(x)))) + x)


class Normalize(nn.Module):
    def forward(self, x):
        return F.normalize(x, dim=-1)


def keep(name, t):
    out[name] = t.detach().clone().contiguous()


def layer(name, module, shape, evaluate=False, classes=None):
    net = nn.Sequential(module) if not isinstance(module, (nn.Sequential, Residual)) else module
    if evaluate:
        with torch.no_grad():
            for k, b in net.named_buffers():
                if b.dtype == torch.float64 and "running" in k:
                    b.add_(torch.rand_like(b))
        net.eval()
    for k, v in net.state_dict().items():
        keep(f"{name}/init/{k}", v)
    x = torch.randint(classes, shape).double() if classes else torch.randn(shape)
    keep(f"{name}/x", x)
    w = None
    losses = []
    params = list(net.parameters())
    opt = torch.optim.SGD(params, 0.01) if params else None
    for t in range(STEPS):
        xt = (x.long() if classes else (x * (1 + t / STEPS)).requires_grad_())
        y = net(xt)
        if w is None:
            w = torch.randn(y.shape)
            keep(f"{name}/w", w)
        loss = (w * y).sum()
        losses.append(loss.item())
        if opt:
            opt.zero_grad()
        loss.backward()
        if opt:
            opt.step()
    if not classes:
        keep(f"{name}/dx", xt.grad)
    for k, v in net.state_dict().items():
        keep(f"{name}/final/{k}", v)
    keep(f"{name}/losses", torch.tensor(losses))


layer("Linear", nn.Linear(5, 4), (6, 5))
layer("Conv2d", nn.Conv2d(3, 4, 3, stride=2, padding=1), (2, 3, 7, 6))
layer("Conv2d no bias", nn.Conv2d(2, 3, 5, bias=False), (2, 2, 9, 8))
layer("ConvTranspose2d", nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1), (2, 3, 4, 5))
layer("ConvTranspose2d output padding", nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1, bias=False), (2, 2, 3, 4))
layer("BatchNorm1d", nn.BatchNorm1d(4), (7, 4))
layer("BatchNorm2d", nn.BatchNorm2d(3), (3, 3, 4, 5))
layer("BatchNorm2d eval", nn.BatchNorm2d(3), (3, 3, 4, 5), evaluate=True)
layer("LayerNorm", nn.LayerNorm(6), (4, 6))
layer("Embedding", nn.Embedding(5, 3), (8,), classes=5)
layer("ReLU", nn.ReLU(), (4, 5))
layer("LeakyReLU", nn.LeakyReLU(0.2), (4, 5))
layer("ELU", nn.ELU(0.7), (4, 5))
layer("GELU", nn.GELU(), (4, 5))
layer("SiLU", nn.SiLU(), (4, 5))
layer("Tanh", nn.Tanh(), (4, 5))
layer("Sigmoid", nn.Sigmoid(), (4, 5))
layer("Softplus", nn.Softplus(), (4, 5))
layer("Flatten", nn.Flatten(), (2, 3, 2))
layer("MaxPool2d", nn.MaxPool2d(3, stride=2, padding=1), (2, 2, 7, 6))
layer("AvgPool2d", nn.AvgPool2d(3, stride=2, padding=1), (2, 2, 7, 6))
layer("Upsample2d", nn.Upsample(scale_factor=2), (2, 2, 3, 4))
layer("L2Normalize", Normalize(), (4, 5))
layer("SpectralNorm", nn.utils.spectral_norm(nn.Linear(5, 4)), (6, 5))
layer("SpectralNorm Conv2d", nn.utils.spectral_norm(nn.Conv2d(2, 3, 3)), (2, 2, 5, 5))
layer("Graph", Residual(), (3, 2, 4, 4))
layer("Sequential", nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 4), nn.Tanh()), (4, 1, 6, 6))


def loss(name, f, *values):
    values = [v.clone().requires_grad_() for v in values]
    for i, v in enumerate(values):
        keep(f"loss/{name}/init/{i}", v)
    opt = torch.optim.SGD(values, 0.5)
    losses = []
    for t in range(STEPS):
        opt.zero_grad()
        l = f(*values)
        losses.append(l.item())
        l.backward()
        opt.step()
    for i, v in enumerate(values):
        keep(f"loss/{name}/final/{i}", v)
    keep(f"loss/{name}/losses", torch.tensor(losses))


target, probability, classes = torch.randn(4, 5), torch.rand(4, 5), torch.randint(5, (4,))
keep("loss/target", target)
keep("loss/probability", probability)
keep("loss/classes", classes.double())
y = 2 * torch.randn(4, 5)
loss("SquaredError", lambda v: F.mse_loss(v, target), y)
loss("AbsoluteError", lambda v: F.l1_loss(v, target), y)
loss("BinaryCrossEntropy", lambda v: F.binary_cross_entropy_with_logits(v, probability), y)
loss("CrossEntropy", lambda v: F.cross_entropy(v, classes), y)
loss("GaussianKL", lambda m, v: (-0.5 * (1 + v - m**2 - v.exp())).sum(-1).mean(), y, torch.randn(4, 5))
loss("Hinge real", lambda v: F.relu(1 - v).mean(), y)
loss("Hinge fake", lambda v: F.relu(1 + v).mean(), y)

c, b = 0.2 + torch.rand(3, 4), torch.randn(3, 4)
keep("optimiser/c", c)
keep("optimiser/b", b)


def optimiser(name, make, clip=None, schedule=None):
    p = nn.Parameter(b.flip(0).clone())
    keep(f"optimiser/{name}/init", p)
    opt = make([p])
    sched = schedule(opt) if schedule else None
    losses = []
    for t in range(STEPS):
        opt.zero_grad()
        l = (c * p**2).sum() / 2 + (b * p).sum() * math.cos(t)
        losses.append(l.item())
        l.backward()
        if clip:
            clip([p])
        opt.step()
        if sched:
            sched.step()
    keep(f"optimiser/{name}/final", p)
    keep(f"optimiser/{name}/losses", torch.tensor(losses))


o = torch.optim
optimiser("SGD", lambda p: o.SGD(p, 0.1, weight_decay=0.1))
optimiser("SGD momentum", lambda p: o.SGD(p, 0.1, momentum=0.9, weight_decay=0.1))
optimiser("SGD Nesterov", lambda p: o.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1))
optimiser("RMSProp", lambda p: o.RMSprop(p, 0.05, weight_decay=0.1))
optimiser("RMSProp momentum", lambda p: o.RMSprop(p, 0.05, alpha=0.9, momentum=0.5, eps=1e-3))
optimiser("Adam", lambda p: o.Adam(p, 0.1))
optimiser("AdamW", lambda p: o.AdamW(p, 0.1, betas=(0.5, 0.99), weight_decay=0.3))
optimiser("clip norm", lambda p: o.SGD(p, 0.1), clip=lambda p: nn.utils.clip_grad_norm_(p, 0.5))
optimiser("clip value", lambda p: o.SGD(p, 0.1), clip=lambda p: nn.utils.clip_grad_value_(p, 0.3))
optimiser("step", lambda p: o.SGD(p, 0.1), schedule=lambda opt: o.lr_scheduler.StepLR(opt, 5, 0.5))
optimiser("cosine", lambda p: o.SGD(p, 0.1), schedule=lambda opt: o.lr_scheduler.CosineAnnealingLR(opt, STEPS, 0.01))

save_file(out, "pytorch.safetensors", metadata={"torch": torch.__version__})
