print("Hello from a private wheel!")
