class Renderer:
    pass
