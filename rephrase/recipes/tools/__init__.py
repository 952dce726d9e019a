"""Function calling: requests, the calls that answer them, and dialogues with results, held to the functions' declarations."""
