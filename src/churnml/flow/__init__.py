"""The flow: what each stage does, as functions that the stage scripts and the command line share."""
