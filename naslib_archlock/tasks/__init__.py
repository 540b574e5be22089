"""Tasks as data: images and what to predict of them. Nothing here knows of architectures."""
