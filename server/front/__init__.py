"""The front: what stands between the network and the application. See docs/adr/0004-http-server.md."""
