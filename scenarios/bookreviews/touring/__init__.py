"""What tour.py is made of: the screen, and a walk through a running example."""
