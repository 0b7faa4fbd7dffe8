"""Settings: a flag, else an environment variable, else ``presente.toml``, else the default.

``settings`` declares each setting once, and ``declaration`` says how; ``values`` makes values of texts; ``loading``
finds the texts; ``flags`` puts settings on a command line. Only this package reads the environment.
"""

from presente.settings.flags import add_settings_flags
from presente.settings.loading import (
    load_settings,
    ray_cluster_is_named,
    traces_wanted,
    unknown_variables,
    without_settings,
)
from presente.settings.settings import SETTINGS, Settings
from presente.settings.values import TargetRate

__all__ = [
    "SETTINGS",
    "Settings",
    "TargetRate",
    "add_settings_flags",
    "load_settings",
    "ray_cluster_is_named",
    "traces_wanted",
    "unknown_variables",
    "without_settings",
]
