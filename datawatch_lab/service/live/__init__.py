"""What is followed live: questions, their answers as snapshot and increments, made once for all.

`hub.Hub` asks each question once per interval and keeps its `stream.Stream`; `outbox.Outbox` says
what one client is to be sent next. Nothing here knows a socket.
"""
