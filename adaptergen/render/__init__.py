"""From specs to the text of adapter modules. Decisions here, layout in the templates."""

from adaptergen.render.render import Renderer

__all__ = ["Renderer"]
