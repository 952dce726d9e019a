"""What a run will ask, write, take and cost, before it is paid for."""
