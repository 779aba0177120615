"""The only SQL.

SQLAlchemy Core tables and typed verbs over them; SQLite by default, PostgreSQL from DATABASE_URL.
"""

from kaeshi.store.engine import Bind, open_store
from kaeshi.store.keys import Keyring
from kaeshi.store.master_key import load_master_key
from kaeshi.store.store import Store, Tx

__all__ = ["Bind", "Keyring", "Store", "Tx", "load_master_key", "open_store"]
