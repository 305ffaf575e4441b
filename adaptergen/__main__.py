"""`python -m adaptergen`."""

from adaptergen.cli import main

raise SystemExit(main())
