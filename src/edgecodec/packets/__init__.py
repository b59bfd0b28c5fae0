"""What both ends share: the exported network, packets and their files, and the way from packets back to windows.

Nothing here needs torch or MLflow.
"""
