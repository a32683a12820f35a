"""The walks of the tour: each is a list of steps, and each step says in its docstring what holds after it."""
