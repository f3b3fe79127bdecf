import os

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.get("/healthz")
def h():
    return {}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["SIXGATE_API_PORT"]), log_level="warning")
