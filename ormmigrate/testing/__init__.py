"""Ready-made tests of an application's migrations.

One line in a test module switches them on:

```python
from ormmigrate.testing import TestMigrations  # noqa: F401
```
"""

from __future__ import annotations

from ormmigrate.testing.ready_made import TestMigrations

__all__ = ["TestMigrations"]
