"""The command by which a run is given to a cluster: its archive, settings, devices and variables."""
