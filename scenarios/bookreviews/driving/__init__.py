"""What traffic.py sends: what only reads, and what writes."""
