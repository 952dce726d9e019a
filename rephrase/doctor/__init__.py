"""What a run needs, looked for before it is paid for: on the driver, and on each executor."""
