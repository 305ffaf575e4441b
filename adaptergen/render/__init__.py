"""From specs to the text of adapter modules. Decisions here, layout in the templates."""

from adaptergen.render.formatting import format_all
from adaptergen.render.render import Renderer
from adaptergen.render.view import class_name

__all__ = ["Renderer", "class_name", "format_all"]
