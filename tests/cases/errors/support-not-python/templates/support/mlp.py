"""Mine."""

class GatedMLPBridge(:
    pass
