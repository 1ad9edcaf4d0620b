"""Who may do what with a workspace: its token, users, sessions, shares, the audit log, limits.

`Access` is the file of users beside a workspace; `door.carry_out` is what every operation passes.
Importing this loads no cryptography; it is loaded when somebody signs in.
"""

from datawatch_lab.service.access.owner import make_token, read_token, same_token, token_path

__all__ = ["make_token", "read_token", "same_token", "token_path"]
