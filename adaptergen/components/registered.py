"""Every kind of every part that adaptergen brings along: one line registers one."""

from adaptergen.components.attention.delegated.spec import DelegatedAttention
from adaptergen.components.attention.latent.spec import LatentAttention
from adaptergen.components.attention.opaque.spec import OpaqueAttention
from adaptergen.components.attention.reimplemented.spec import ReimplementedAttention
from adaptergen.components.mlp.fused_gated.spec import FusedGatedMlp
from adaptergen.components.mlp.gated.spec import GatedMlp
from adaptergen.components.mlp.moe.spec import MoeMlp
from adaptergen.components.mlp.opaque.spec import OpaqueMlp
from adaptergen.components.mlp.plain.spec import PlainMlp
from adaptergen.language.kinds import register

# In the order in which the reference shows them, and `infer` tries them.
for kind in (
    ReimplementedAttention,
    DelegatedAttention,
    LatentAttention,
    OpaqueAttention,
    GatedMlp,
    PlainMlp,
    FusedGatedMlp,
    MoeMlp,
    OpaqueMlp,
):
    register(kind)
