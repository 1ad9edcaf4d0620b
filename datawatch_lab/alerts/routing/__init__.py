"""Between an alert and its channels: one small pure function a stage.

Each stage that holds an alert back says why, in words; '' lets it pass.
"""
