"""deepguard guards live calls against face swaps and cloned voices."""
