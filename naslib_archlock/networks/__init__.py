"""The small networks that this package builds and trains itself."""
