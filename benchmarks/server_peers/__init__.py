"""What servers.py and server_kills.py are made of."""
