// A program of a worker that ends by itself.
process.exit(3);
