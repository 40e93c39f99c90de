"""The package `common` of Deep Learning from Scratch: functions, layers, optimizers, networks and a trainer."""
