"""The managers that are compared, one file each: see `base.Manager` for what one must do."""
