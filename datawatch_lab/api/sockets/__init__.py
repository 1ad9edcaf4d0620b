"""The WebSocket edge: `handler` speaks to one client, `room` knows them all.

What is said is made in `service.live`, once for all who follow the same.
"""
