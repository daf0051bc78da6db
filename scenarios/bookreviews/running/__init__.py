"""What stack.py is made of: the programs' environment, processes, the tee's configuration."""
