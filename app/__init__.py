"""The page: shows what `analysis` computes and holds no science."""
