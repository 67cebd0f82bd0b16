"""Routes, a module for each subject; each has `router(services)`. No logic of its own."""
