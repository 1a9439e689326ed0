"""Plugins: found by entry point, loaded one by one and only when asked for, each failure kept to itself."""

from deepguard.plugins.host import DEFAULT_POLICY, InstalledPlugin, PluginHost

__all__ = ["DEFAULT_POLICY", "InstalledPlugin", "PluginHost"]
