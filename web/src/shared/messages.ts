const zh = {
  brand: '开奖',
  language: 'English',
  loading: '正在加载……',
  retry: '重试',
  offline: '网络已断开，正在重新连接……',
  rehearsal: '彩排，不是正式抽奖',
  sandbox: '沙箱，不会真的付款',
  error: '出错了',
  networkError: '网络不通，请稍后再试',
};

const en: typeof zh = {
  brand: 'Kaijiang',
  language: '中文',
  loading: 'Loading…',
  retry: 'Try again',
  offline: 'Connection lost, reconnecting…',
  rehearsal: 'Rehearsal, not the real draw',
  sandbox: 'Sandbox, nothing is really paid',
  error: 'Something went wrong',
  networkError: 'No connection, please try again later',
};

export const common = { zh, en };
