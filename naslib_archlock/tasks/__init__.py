"""Tasks as data: images and what a network predicts about them. Nothing here knows about architectures."""
